//! Draft → Flow.
