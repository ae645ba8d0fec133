//! Configuration and wiring of the service.
