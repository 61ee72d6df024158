"""What can be trained: StyleGAN2-ADA, and the baseline systems that earlier projects built."""
