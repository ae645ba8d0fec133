//! A scripted gateway: drives the real service over gRPC.
