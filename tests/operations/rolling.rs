//! Two replicas are replaced one after the other while callers talk.
