//! Floor 2: the only room that talks to Kubernetes: connect, discover, list and watch.
