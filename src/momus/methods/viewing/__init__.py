"""What happens between a printed thing and a picture of it: where it lands, in what light, on which paper."""
