//! Phone numbers to E.164
