//! HubSpot CRM v3
