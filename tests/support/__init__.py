"""What tests share: models, runs, cases and the assertions upon them."""
