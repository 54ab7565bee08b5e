//! What the repository promises about itself.

mod layers;
mod privileges;
mod readme;
