using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Backends;

/// <summary>Where a device computes in.</summary>
internal interface IDeviceMemory
{
    /// <summary>Allocates an array of zeros.</summary>
    /// <exception cref="NotEnoughMemoryException">The device has not that much memory.</exception>
    DeviceArray<T> Allocate<T>(long length)
        where T : unmanaged;

    /// <summary>What the key-value cache is kept as here; <see cref="CacheLayout"/> is how.</summary>
    CachePrecision CachePrecision { get; }
}

/// <summary>
/// The operations a forward pass is made of. They are issued in order from one thread at a time and may complete later: only
/// <see cref="DeviceArray{T}.Download"/> waits. None allocates managed memory once it has run for a given shape, and none depends
/// on what other tokens are in the step: a token's result is bit-identical whatever <c>count</c> it is computed with, except where
/// <see cref="RoundedTokens"/> says otherwise and <see cref="BeginStep"/> allowed it.
/// Arithmetic is float32 unless said otherwise; inputs and outputs do not overlap unless said otherwise.
/// </summary>
internal interface IBackend : IDeviceMemory, IDisposable
{
    /// <summary>The device as a person would name it.</summary>
    string DeviceName { get; }

    /// <summary>Bytes that may still be allocated.</summary>
    long AvailableBytes { get; }

    /// <summary>
    /// Tokens of an operation from which on their activations may be rounded to bfloat16 before they are multiplied, and those of fewer are
    /// not. <see cref="int.MaxValue"/>: it makes no difference how many there are.
    /// </summary>
    int RoundedTokens => int.MaxValue;

    /// <summary>Says of the operations that follow whether they may round as <see cref="RoundedTokens"/> has it; at first they may.</summary>
    void BeginStep(bool mayRound)
    {
    }

    /// <summary>Makes a matrix readable to the kernels, in its stored encoding. The host memory must outlive the result.</summary>
    Matrix LoadMatrix(in WeightMatrix matrix);

    /// <summary>Makes one projection of all experts readable to the kernels; all are of one shape and encoding.</summary>
    /// <param name="loaded">Told the index of each expert once it is read. May throw, to stop.</param>
    ExpertMatrices LoadExperts(ReadOnlySpan<WeightMatrix> experts, Action<int>? loaded = null);

    /// <summary>
    /// Compiles what operations on the matrices loaded so far take, so that the first step is no slower than others; what it leaves out
    /// is compiled when it is first needed.
    /// </summary>
    /// <param name="progress">Told how many kernels are ready and how many there are.</param>
    void Prepare(Action<int, int>? progress);

    /// <summary>
    /// Issues what <paramref name="operations"/> issue. A backend may record them when a key comes again, and from then on issue the
    /// record instead of calling them, so they must be the same operations on the same arrays whenever the key is the same, must neither
    /// upload nor download nor allocate, and may depend on other values only through the arrays.
    /// </summary>
    void Repeat(in StepKey key, Action operations);

    /// <summary>y[t] = table[tokens[t]], t &lt; count.</summary>
    void Embed(DeviceArray<int> tokens, Matrix table, Activations y, int count);

    /// <summary>y[t] = x[rows[t]], t &lt; count.</summary>
    void GatherRows(Activations x, DeviceArray<int> rows, Activations y, int count);

    /// <summary>y[t] = weight * x[t] / sqrt(mean(x[t]^2) + epsilon) over x.Width values. y may be x.</summary>
    void RmsNorm(Activations x, DeviceArray<float> weight, float epsilon, Activations y, int count);

    /// <summary>y[t] = x[t] W^T.</summary>
    void Linear(Activations x, Matrix weight, Activations y, int count);

    /// <summary>y[t] += x[t] W^T.</summary>
    void LinearAdd(Activations x, Matrix weight, Activations y, int count);

    /// <summary>y[t] = silu(gate[t]) * up[t]. y may be gate.</summary>
    void SwiGlu(Activations gate, Activations up, Activations y, int count);

    /// <summary>y[t] += x[t] over x.Width values.</summary>
    void Add(Activations x, Activations y, int count);

    /// <summary>
    /// Rotates, in place, the last r values of each head of q [count, H * (n + r)] by the token's position; pairs are (2i, 2i + 1).
    /// </summary>
    /// <param name="rope">[positions, r] of cos, sin for pair 0, cos, sin for pair 1, ...</param>
    void RotateQueries(Activations q, DeviceArray<float> rope, in TokenTables tokens, in MlaShape shape, int count);

    /// <summary>
    /// Appends to a layer's cache, at each token's own row, RMSNorm(kv[t, :c]) and the rotated kv[t, c:], from kv [count, c + r].
    /// </summary>
    /// <param name="cache">[cache rows, <see cref="CacheLayout.Length"/>] for <see cref="MlaShape.Absorbed"/>.</param>
    void AppendLatents(
        Activations kv, DeviceArray<float> normWeight, float epsilon, DeviceArray<float> rope,
        in TokenTables tokens, in MlaShape shape, Activations cache, int count);

    /// <summary>
    /// absorbed[t, h] = [q_nope[t, h] Wk_h, q_pe[t, h]] of c + r values, Wk_h = kv_b[h * (n + v) .. + n, :]; q [count, H * (n + r)].
    /// </summary>
    void AbsorbQueries(Activations q, Matrix kvB, in MlaShape shape, Activations absorbed, int count);

    /// <summary>
    /// Completes the projected heads of grouped-query attention: a query of q [count, H * key], in place, and a key of k [count, G * key]
    /// become rope(RMSNorm(x + bias)), a value of v [count, G * value] x + bias; keys and values are appended to a layer's cache, at each
    /// token's own row. Rotated pairs are (i, i + key / 2). What k and v hold afterwards is not specified.
    /// </summary>
    /// <param name="rope">[positions, key]: the cosines of all pairs, then the sines.</param>
    /// <param name="shape">Without a shared key.</param>
    /// <param name="cache">[cache rows, <see cref="CacheLayout.Length"/>].</param>
    void AppendKeyValues(
        Activations q, Activations k, Activations v, in HeadTransforms transforms, DeviceArray<float> rope, in TokenTables tokens,
        in AttentionShape shape, Activations cache, int count);

    /// <summary>
    /// context[t, h] = sum_j softmax_j(scale * queries[t, h] . key_j) value_j over the positions j &lt;= Positions[t] of the token's
    /// sequence, keys and values those of the head's key-value head in the rows of a cache where they lie; queries [count, H * key],
    /// context [count, H * value].
    /// </summary>
    /// <param name="cache">[cache rows, <see cref="CacheLayout.Length"/>].</param>
    /// <param name="shape">Without a shared key.</param>
    void CachedAttention(
        Activations queries, Activations cache, in TokenTables tokens, in AttentionShape shape, Activations context, int count);

    /// <summary>
    /// heads[t, h] = context[t, h] Wv_h^T, Wv_h = kv_b[h * (n + v) + n .. + v, :]; context [count, H * c], heads [count, H * v].
    /// </summary>
    void ProjectLatents(Activations context, Matrix kvB, in MlaShape shape, Activations heads, int count);

    /// <summary>
    /// y[i] = the values of the cache row of position start + i of the sequence of token 0 of <paramref name="tokens"/>, i &lt; count.
    /// </summary>
    /// <param name="cache">[cache rows, <see cref="CacheLayout.Length"/>].</param>
    /// <param name="shape">What attends to the cache where it lies; y is as wide as its row.</param>
    void GatherCache(Activations cache, in TokenTables tokens, in AttentionShape shape, int start, Activations y, int count);

    /// <summary>
    /// One tile of causal attention over keys and values in a row a position, with a running softmax. The tile holds positions
    /// contextStart .. contextStart + contextCount of one sequence; token t sees those with position &lt;= Positions[t].
    /// With s_j = scale * q . k_j: state [count, H * 2] holds the running maximum of s and sum of exp(s - maximum),
    /// heads [count, H * value] the sum of exp(s - maximum) v_j. The first tile ignores what state and heads hold;
    /// the last tile divides heads by the sum. Every token sees at least one position of the first tile.
    /// </summary>
    /// <param name="q">[count, H * (key + shared key)].</param>
    /// <param name="keyValues">[contextCount, the shape's row].</param>
    /// <param name="sharedKeys">[contextCount, shared key], the end of every head's key; not used if the shape has none.</param>
    void ExpandedAttention(
        Activations q, Activations keyValues, Activations sharedKeys, in TokenTables tokens, in AttentionShape shape,
        int contextStart, int contextCount, bool first, bool last, Activations state, Activations heads, int count);

    /// <summary>
    /// Chooses experts from router logits [count, E]: expertIds [count, k] in descending order of selection score (ties: the lower id),
    /// expertWeights [count, k] in the same order. What is not in a kept group can never be chosen.
    /// </summary>
    /// <param name="bias">[E] e_score_correction_bias, added for selection only; null if the model has none.</param>
    void SelectExperts(
        Activations logits, DeviceArray<float>? bias, in RouterShape shape,
        DeviceArray<int> expertIds, Activations expertWeights, int count);

    /// <summary>
    /// y[t] += sum_i w[t, i] (silu(x[t] Wgate_e^T) * (x[t] Wup_e^T)) Wdown_e^T with e = expertIds[t, i], summed in an order that the token's
    /// own experts decide.
    /// </summary>
    /// <param name="hidden">Workspace of at least count * k rows of the experts' intermediate width.</param>
    void RoutedExperts(
        Activations x, DeviceArray<int> expertIds, Activations expertWeights,
        ExpertMatrices gate, ExpertMatrices up, ExpertMatrices down, Activations hidden, Activations y, int count);

    /// <summary>
    /// columns[t] = the column of the largest of x[t], the lowest of equals, 0 being more than -0; if any is not a number, the complement of
    /// the first such column; if all are minus infinity, int.MinValue.
    /// </summary>
    void ArgMax(Activations x, DeviceArray<int> columns, int count);

    /// <summary>
    /// lists[t] = the list of the largest of x[t] that <see cref="TopLogit"/> describes, with T = 1 / inverseTemperatures[t].
    /// </summary>
    /// <param name="lists">[count, <see cref="TopLogit.ListLength"/>].</param>
    /// <returns>False, with nothing done, where the host reads x itself as easily as lists.</returns>
    bool TryListTop(Activations x, DeviceArray<float> inverseTemperatures, DeviceArray<TopLogit> lists, int count);

    // What follows is made of operations above, with their bits. A backend for which issuing an operation is not free does it in fewer.

    /// <summary>normed[t] = RMSNorm(x[t]); y[t] = normed[t] W^T and, unless v is null, z[t] = normed[t] V^T.</summary>
    void NormLinear(
        Activations x, in Norm norm, Activations normed, Matrix w, Activations y, Matrix? v, Activations z, int count)
        => Composed.NormLinear(this, x, norm, normed, w, y, v, z, count);

    /// <summary>y[t] = RMSNorm(x[t]) W^T, and <see cref="AppendLatents"/>. What x holds afterwards is not specified.</summary>
    void ProjectQueries(Activations x, in Norm norm, Matrix w, Activations y, in LatentAppend append, int count)
        => Composed.ProjectQueries(this, x, norm, w, y, append, count);

    /// <summary>
    /// <see cref="AbsorbQueries"/> of queries after <see cref="RotateQueries"/>. Whether q is rotated afterwards is not specified.
    /// </summary>
    void AbsorbRotated(
        Activations q, DeviceArray<float> rope, in TokenTables tokens, Matrix kvB, in MlaShape shape, Activations absorbed, int count)
        => Composed.AbsorbRotated(this, q, rope, tokens, kvB, shape, absorbed, count);

    /// <summary>x[t] += (silu(h Wgate^T) * (h Wup^T)) Wdown^T, h = RMSNorm(x[t]). The other activations are workspace.</summary>
    void AddNormedSwiGlu(
        Activations x, in Norm norm, Activations normed, in SwiGluMatrices mlp, Activations hidden, Activations up, int count)
        => Composed.AddNormedSwiGlu(this, x, norm, normed, mlp, hidden, up, count);

    /// <summary>
    /// y[t] += <see cref="RoutedExperts"/> of x[t], then y[t] += (silu(x[t] Wgate^T) * (x[t] Wup^T)) Wdown^T of the shared ones.
    /// </summary>
    /// <param name="hidden">Workspace, as for the routed experts; sharedHidden and sharedUp are that of the shared ones.</param>
    void AddExperts(
        Activations x, DeviceArray<int> expertIds, Activations expertWeights, in ExpertSet experts, Activations hidden,
        in SwiGluMatrices shared, Activations sharedHidden, Activations sharedUp, Activations y, int count)
        => Composed.AddExperts(this, x, expertIds, expertWeights, experts, hidden, shared, sharedHidden, sharedUp, y, count);
}
