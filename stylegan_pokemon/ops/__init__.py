"""Operations of the networks: each closed under differentiation, each in any memory format."""
