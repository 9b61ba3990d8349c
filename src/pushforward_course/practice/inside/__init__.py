"""What runs beside a submission: it sees nothing of ours, and nothing that it says is believed."""
