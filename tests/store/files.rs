//! A SQLite file that is damaged, from another build, or used by two.
