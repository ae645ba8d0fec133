//! The resume token: the dialog's state, sealed, held by the gateway.
