"""Errors that a learner can act on: each message says what is wrong and what to do."""


class CourseError(Exception):
    """Base of the course's own errors."""


class SettingError(CourseError, ValueError):
    """A setting that cannot work."""


class DataError(CourseError, ValueError):
    """A data file, or a row of one, that cannot be used."""


class ModelFileError(CourseError):
    """A model file that is missing or damaged."""


class TrainingError(CourseError):
    """A training run that ended without a usable adapter."""


class RewardError(TrainingError):
    """A reward function that returned something that is no reward."""


class InstallError(CourseError):
    """What the course needs is not there, and cannot be installed."""


class ExportError(CourseError):
    """A model that cannot be exported in the form asked for, or an export that is not the same model."""
