//! What the repository promises about itself.

mod imports;
mod layers;
mod pages;
mod privileges;
mod readme;
