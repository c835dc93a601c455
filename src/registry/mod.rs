//! Where packages lie.

pub mod bindle;
