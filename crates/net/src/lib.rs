//! Everything that touches a socket: listeners, passive ports, data connections, limits, meters
