// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Maps, text, streams, sorting, arrays: enough for the JVM to compile some of it. */
public final class Jvm {
    private Jvm() {}

    public static void main(String[] args) {
        Map<String, Integer> count = new HashMap<>();
        StringBuilder text = new StringBuilder();
        int seed = 23;
        for (int i = 0; i < 200_000; i++) {
            seed = seed * 1103515245 + 12345;
            String word = Integer.toString(seed >>> 20, 36);
            count.merge(word, 1, Integer::sum);
            text.append(word).append(i % 11 == 0 ? '\n' : ' ');
        }
        List<String> order = new ArrayList<>(count.keySet());
        order.sort((a, b) -> count.get(b) - count.get(a) != 0 ? count.get(b) - count.get(a) : a.compareTo(b));
        String initials =
                IntStream.range(0, order.size())
                        .filter(i -> i % 50 == 0)
                        .mapToObj(i -> order.get(i).substring(0, 1))
                        .collect(Collectors.joining());
        double[][] m = new double[120][120];
        for (int i = 0; i < m.length; i++) {
            for (int j = 0; j < m.length; j++) {
                m[i][j] = 1.0 / (1 + i + j);
            }
        }
        double trace = 0;
        for (int i = 0; i < m.length; i++) {
            for (int j = 0; j < m.length; j++) {
                for (int k = 0; k < m.length; k++) {
                    trace += m[i][k] * m[k][j];
                }
            }
        }
        System.out.println(text.toString().hashCode() + " " + initials + " " + trace);
    }
}
