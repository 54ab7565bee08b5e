//! What the repository promises about itself.

mod bench;
mod imports;
mod layers;
mod pages;
mod privileges;
mod readme;
