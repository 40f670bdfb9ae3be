//! The store contract, local and memory stores, mounts and staged uploads
