"""Renderings of the store: leaderboard, figures and the HTML report; they read nothing else."""
