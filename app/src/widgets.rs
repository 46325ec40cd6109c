//! Components and labels that more than one page uses.

pub mod frame;
pub mod icon;
pub mod label;
pub mod material;
pub mod notice;
pub mod pixel;
