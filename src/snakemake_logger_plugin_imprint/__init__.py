"""`snakemake --logger imprint`: what ran, what runs, what is left, and why something failed."""

from snakemake_logger_plugin_imprint.handler import LogHandler as LogHandler
