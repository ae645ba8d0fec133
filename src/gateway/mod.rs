//! The gRPC service `dana.gateway.v1.CallGateway`.

pub mod codec;
pub mod wire;
