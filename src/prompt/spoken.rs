//! Numbers, dates and times in words, per locale.
