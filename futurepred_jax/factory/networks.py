def networks(config):
    from futurepred_jax.evaluation.networks import Networks

    return Networks()


def network_names(config):
    return []
