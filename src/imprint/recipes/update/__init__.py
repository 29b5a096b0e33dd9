"""Updates written here because no package batches them over replicas: one file per torch optimizer."""
