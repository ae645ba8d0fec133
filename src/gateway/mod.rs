//! The gRPC service `dana.gateway.v1.CallGateway`.
