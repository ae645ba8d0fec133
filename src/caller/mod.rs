//! A caller and the media side of a gateway, simulated: pure, on virtual time.
