"""Table in, Plotly figure out: pure, with titles that state the finding. Named after `pipeline.evaluation`."""
