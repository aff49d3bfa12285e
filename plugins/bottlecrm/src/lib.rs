//! BottleCRM
