//! Tryton ERP
