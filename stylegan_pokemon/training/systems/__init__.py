"""What can be trained: StyleGAN2-ADA, and the systems that earlier projects built."""
