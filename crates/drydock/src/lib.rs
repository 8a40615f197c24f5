//! Floor 2: an embedded Kubernetes API server, and the actors that make a living Kubeflow cluster.
