"""Generator and discriminator of StyleGAN2(-ADA): nn.Modules that know nothing of files or training."""
