namespace DeepSeekEngine.Kernels.Cpu;

internal static unsafe class Quantizer
{
    public static int ScratchLength(int columns) => columns;

    public static void Quantize(in WeightMatrix source, WeightEncoding target, int firstPanel, int panels, byte* destination, float* scratch)
    {
        int block = PackedLayout.BlockColumns(target);
        int group = target == WeightEncoding.Int8 ? block : PackedLayout.Int4GroupColumns;
        float max = target == WeightEncoding.Int8 ? 127 : 7;
        long panelBytes = PackedLayout.PanelBytes(target, source.Columns);
        for (int p = 0; p < panels; p++)
        {
            byte* panel = destination + ((firstPanel + p) * panelBytes);
            new Span<byte>(panel, (int)panelBytes).Clear();
            for (int r = 0; r < 16; r++)
            {
                int row = ((firstPanel + p) * 16) + r;
                for (int c = 0; c < source.Columns; c++)
                {
                    long at = ((long)row * source.Columns) + c;
                    scratch[c] = row >= source.Rows ? 0 : source.Encoding switch
                    {
                        WeightEncoding.F32 => ((float*)source.Data)[at],
                        WeightEncoding.BF16 => BitConverter.Int32BitsToSingle(((ushort*)source.Data)[at] << 16),
                        WeightEncoding.F16 => (float)((Half*)source.Data)[at],
                        _ => source.Data[at],
                    };
                }

                int blocks = PackedLayout.Blocks(target, source.Columns);
                for (int b = 0; b < blocks; b++)
                {
                    byte* at = panel + (b * (long)PackedLayout.BlockBytes(target));
                    for (int g = 0; g < block / group; g++)
                    {
                        float m = 0;
                        for (int i = 0; i < group; i++)
                        {
                            int c = (b * block) + (g * group) + i;
                            m = Math.Max(m, c < source.Columns ? Math.Abs(scratch[c]) : 0);
                        }

                        float scale = m / max;
                        if (target == WeightEncoding.Int8)
                        {
                            ((float*)at)[r] = scale;
                        }
                        else
                        {
                            ushort bits = (ushort)(BitConverter.SingleToInt32Bits(scale) >> 16);
                            ((ushort*)at)[(g * 16) + r] = bits;
                            scale = BitConverter.Int32BitsToSingle(bits << 16);
                        }

                        for (int i = 0; i < group; i++)
                        {
                            int inBlock = (g * group) + i;
                            int c = (b * block) + inBlock;
                            float v = c < source.Columns && scale != 0 ? MathF.Round(scratch[c] / scale) : 0;
                            if (target == WeightEncoding.Int8)
                            {
                                at[64 + (inBlock / 4 * 64) + (r * 4) + (inBlock % 4)] = (byte)(Math.Clamp(v, -127, 127) + 128);
                            }
                            else
                            {
                                byte q = (byte)(Math.Clamp(v, -8, 7) + 8);
                                at[64 + (inBlock / 8 * 64) + (r * 4) + (inBlock % 4)] |= (byte)(inBlock % 8 < 4 ? q : q << 4);
                            }
                        }
                    }
                }
            }
        }
    }
}
