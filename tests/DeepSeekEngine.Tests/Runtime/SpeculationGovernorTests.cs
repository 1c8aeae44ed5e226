using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

public sealed class SpeculationGovernorTests
{
    [TestCase(1.9, true)]
    [TestCase(1.1, false)]
    public void It_keeps_to_what_made_more_tokens_a_second(double tokensAStep, bool drafts)
    {
        var governor = new SpeculationGovernor(null);
        Assert.That(governor.IsDrafting);
        Run(governor, SpeculationGovernor.TrialSteps, 100 * tokensAStep, milliseconds: 15);
        Assert.That(governor.IsDrafting, Is.False);
        Run(governor, SpeculationGovernor.TrialSteps, 100, milliseconds: 10);
        Assert.That(governor.IsDrafting, Is.EqualTo(drafts));
        Run(governor, SpeculationGovernor.SettledSteps, 100, milliseconds: 10);
        Assert.That(governor.IsDrafting, "it tries again");
    }

    [Test]
    public void Steps_that_were_interrupted_decide_nothing()
    {
        var governor = new SpeculationGovernor(null);
        Run(governor, 3, 190, milliseconds: 5000);
        Run(governor, SpeculationGovernor.TrialSteps - 3, 190, milliseconds: 15);
        Run(governor, SpeculationGovernor.TrialSteps, 100, milliseconds: 10);
        Assert.That(governor.IsDrafting);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void It_does_as_it_is_told(bool always)
    {
        var governor = new SpeculationGovernor(always);
        for (var i = 0; i < 3; i++)
        {
            Assert.That(governor.IsDrafting, Is.EqualTo(always));
            Run(governor, SpeculationGovernor.TrialSteps, always ? 1 : 100, milliseconds: 10);
        }
    }

    private static void Run(SpeculationGovernor governor, int steps, double tokens, int milliseconds)
    {
        for (var i = 0; i < steps; i++)
        {
            governor.Decoded((int)tokens, TimeSpan.FromMilliseconds(milliseconds));
        }
    }
}
