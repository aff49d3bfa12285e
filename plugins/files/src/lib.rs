//! CSV and JSONL folders, in and out
