//! Xero accounting
