//! The driver, over a scripted cluster.
