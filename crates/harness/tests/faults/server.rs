//! The server and its store come and go.
