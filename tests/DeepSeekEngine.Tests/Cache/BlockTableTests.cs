using DeepSeekEngine.Cache;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Cache;

public sealed class BlockTableTests
{
    private const int Size = BlockPool.BlockSize;

    [Test]
    public void A_common_beginning_is_shared_in_whole_blocks()
    {
        var pool = new BlockPool(10);
        var first = Tokens(0, 50);
        using var a = Computed(pool, first);
        using var b = new BlockTable(pool, 100);
        Assert.That(b.Share([.. first[..40], .. Tokens(500, 20)]), Is.EqualTo(32));
        Assert.That(b.Blocks.ToArray(), Is.EqualTo(a.Blocks[..2].ToArray()));
        Assert.That(pool.FreeBlocks, Is.EqualTo(10 - 4));

        b.Reserve(60);
        Assert.That(b.Blocks[2..].ToArray().Intersect(a.Blocks.ToArray()), Is.Empty);
    }

    [Test]
    public void The_same_tokens_after_others_are_not_shared()
    {
        var pool = new BlockPool(10);
        using var a = Computed(pool, Tokens(0, 2 * Size));
        using var b = new BlockTable(pool, 100);
        Assert.That(b.Share(Tokens(Size, Size)), Is.Zero, "its second block is not another's first");
    }

    [Test]
    public void What_was_released_is_found_until_the_block_is_needed()
    {
        var pool = new BlockPool(4);
        var tokens = Tokens(0, 3 * Size);
        Computed(pool, tokens).Dispose();
        Assert.That(pool.FreeBlocks, Is.EqualTo(4));

        using (var again = new BlockTable(pool, 100))
        {
            Assert.That(again.Share(tokens), Is.EqualTo(3 * Size));
            Assert.That(pool.FreeBlocks, Is.EqualTo(1));
        }

        // The empty block goes first, then the end of what was released: its beginning is worth more.
        using var other = new BlockTable(pool, 100);
        other.Reserve(2 * Size);
        using var rest = new BlockTable(pool, 100);
        Assert.That(rest.Share(tokens), Is.EqualTo(2 * Size));
    }

    [Test]
    public void Two_that_computed_the_same_share_from_there_on()
    {
        var pool = new BlockPool(10);
        var tokens = Tokens(0, Size);
        using var a = Computed(pool, tokens);
        using var b = Computed(pool, tokens);
        Assert.That(a.Blocks[0], Is.Not.EqualTo(b.Blocks[0]));

        int[] longer = [.. tokens, .. Tokens(100, Size)];
        b.Reserve(2 * Size);
        b.Index(longer);
        using var c = new BlockTable(pool, 100);
        Assert.That(c.Share(longer), Is.EqualTo(2 * Size));
        Assert.That(c.Blocks.ToArray(), Is.EqualTo(new[] { a.Blocks[0], b.Blocks[1] }));
    }

    [Test]
    public void A_table_with_blocks_not_yet_full_shares_nothing()
    {
        var pool = new BlockPool(10);
        var tokens = Tokens(0, 3 * Size);
        using var a = Computed(pool, tokens);
        using var b = new BlockTable(pool, 100);
        b.Reserve(Size / 2);
        Assert.That(b.Share(tokens), Is.Zero);
    }

    [Test]
    public void Reserving_more_than_there_is_takes_nothing()
    {
        var pool = new BlockPool(3);
        using var a = new BlockTable(pool, 1000);
        Assert.That(a.TryReserve(4 * Size), Is.False);
        Assert.That(pool.FreeBlocks, Is.EqualTo(3));
        Assert.That(() => a.Reserve(4 * Size), Throws.InvalidOperationException);
        Assert.That(a.TryReserve(3 * Size));
        Assert.That(() => pool.Take(), Throws.InvalidOperationException);
    }

    /// <summary>Random sequences over few tokens, so that much is shared, against a model that remembers what every block holds.</summary>
    [Test]
    public void Whatever_happens_a_block_holds_what_its_tables_say([Range(0, 9)] int seed)
    {
        var random = new Random(seed);
        var pool = new BlockPool(24);
        var held = new int[pool.Blocks][];
        var live = new List<(BlockTable Table, int[] Tokens)>();
        var shared = 0;
        for (var round = 0; round < 2000; round++)
        {
            if (live.Count > 0 && random.Next(3) == 0)
            {
                var index = random.Next(live.Count);
                live[index].Table.Dispose();
                live.RemoveAt(index);
                continue;
            }

            int[] tokens = [.. Enumerable.Range(0, random.Next(1, 5)).SelectMany(_ => Enumerable.Repeat(random.Next(2), Size))];
            var table = new BlockTable(pool, tokens.Length);
            var from = table.Share(tokens) / Size;
            shared += from;
            if (!table.TryReserve(tokens.Length))
            {
                table.Dispose();
                continue;
            }

            for (var i = from; i < table.Blocks.Length; i++)
            {
                held[table.Blocks[i]] = tokens[..((i + 1) * Size)];
            }

            table.Index(tokens);
            live.Add((table, tokens));
            foreach (var (other, content) in live)
            {
                for (var i = 0; i < other.Blocks.Length; i++)
                {
                    Assert.That(held[other.Blocks[i]].AsSpan().SequenceEqual(content.AsSpan(0, (i + 1) * Size)), $"block {i}");
                }
            }
        }

        Assert.That(shared, Is.GreaterThan(100));
        live.ForEach(entry => entry.Table.Dispose());
        Assert.That(pool.FreeBlocks, Is.EqualTo(pool.Blocks));
    }

    private static int[] Tokens(int first, int count) => [.. Enumerable.Range(first, count)];

    private static BlockTable Computed(BlockPool pool, int[] tokens)
    {
        var table = new BlockTable(pool, 1000);
        table.Reserve(tokens.Length);
        table.Index(tokens);
        return table;
    }
}
