"""Commands that a person gives, beside the stages that the pipeline runs."""
