//! What the repository promises about itself.

mod layers;
mod pages;
mod privileges;
mod readme;
