"""The Streamlit dashboard: shows what the pipeline did; computes no statistics of its own."""
