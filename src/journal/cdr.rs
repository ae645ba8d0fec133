//! The call's record (CDR), folded from its journal.
