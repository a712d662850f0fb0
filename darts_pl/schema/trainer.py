"""Flags of `lightning.Trainer` that a run owns: why, and the key that does here what they are for."""

OWNED = {
    "max_epochs": "learning rate, annealing and warm-up are schedules over the epochs: set epochs of a search, "
    "retraining.epochs of a training, train.epochs and final.epochs of the pipeline",
    "min_epochs": "a search ends early by a rule (rule=[skip_stop]) and a training by retraining.patience or "
    "final.patience alone: leave those out instead",
    "max_steps": "schedules count epochs: set epochs, and trainer.limit_train_batches for shorter ones",
    "min_steps": "schedules count epochs: set epochs",
    "callbacks": "callbacks are a group of their own: +callbacks.mine._target_=my_package.MyCallback, or "
    "callbacks=none",
    "logger": "loggers are a group of their own: logger=csv, many, mlflow, tensorboard or wandb, several as "
    "logger=[csv,wandb], none as logger=[]",
    "enable_checkpointing": "a run can always be gone on with: set checkpoint_every_s, the seconds between two points",
    "default_root_dir": "everything of a run lies in its folder: set hydra.run.dir",
    "enable_progress_bar": "one bar shows the whole of a fit: set callbacks.progress",
    "gradient_clip_val": "a search steps its two optimisers itself: set clip_norm of a search, retraining.clip_norm, "
    "train.clip_norm and final.clip_norm of the pipeline",
    "gradient_clip_algorithm": "gradients are clipped by their global norm: set clip_norm, see gradient_clip_val",
    "fast_dev_run": "it turns off the record and the points of a run: take trainer=debug, one batch of everything, or "
    "+debug=one_step",
    "overfit_batches": "it would train weights and alphas on the same batches: take +debug=overfit",
    "barebones": "it turns off the record and the points of a run: take callbacks=none logger=[]",
    "num_sanity_val_steps": "data are read and checked before the first step, and a validation there would "
    "count as one",
    "check_val_every_n_epoch": "every epoch is validated, for the best of them is chosen by it: set "
    "trainer.limit_val_batches to shorten that",
    "val_check_interval": "every epoch is validated, at its end: set trainer.limit_val_batches to shorten that",
    "limit_predict_batches": "no command predicts by the trainer: load the model and call predict with what you want",
    "use_distributed_sampler": "loaders find their own place in the data, on every rank and after an interruption",
    "reload_dataloaders_every_n_epochs": "loaders find their own place in the data, on every rank and after an "
    "interruption",
}


def explain_owned(flag: str) -> str:
    """Why the flag, one of `OWNED`, cannot be set, and what can."""
    return f"the run owns Trainer's {flag}: {OWNED[flag]}"
