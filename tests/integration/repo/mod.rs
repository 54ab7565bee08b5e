//! What the repository promises about itself.

mod layers;
mod pages;
mod readme;
