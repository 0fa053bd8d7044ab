"""What a reference database would cost and give, before anything is downloaded."""
