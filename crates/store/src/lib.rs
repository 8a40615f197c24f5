//! Floor 2: one table per cluster and resource: a writer, immutable snapshots, change sets, windows.
