[assembly: NonParallelizable]
[assembly: LevelOfParallelism(1)]
