// Reads each message with the models that quicktype wrote for Java (Jackson), and writes it back.
//   java RoundTrip < {"Type": ["message", …], …}
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public class RoundTrip {
    @SuppressWarnings("unchecked")
    public static void main(String[] arguments) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        Map<String, List<String>> given = mapper.readValue(System.in, Map.class);
        Map<String, List<String>> written = new LinkedHashMap<>();
        for (Map.Entry<String, List<String>> each : given.entrySet()) {
            String type = each.getKey();
            var reader = models.Converter.class.getMethod(type + "FromJsonString", String.class);
            var writer = models.Converter.class.getMethod(type + "ToJsonString", Class.forName("models." + type));
            List<String> messages = new ArrayList<>();
            for (String message : each.getValue()) {
                messages.add((String) writer.invoke(null, reader.invoke(null, message)));
            }
            written.put(type, messages);
        }
        System.out.write(mapper.writeValueAsBytes(written));
        System.out.flush();
    }
}
