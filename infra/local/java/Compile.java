import java.io.File;
import org.codehaus.janino.Compiler;

/** Compiles a source file to a folder with the compiler that Spark ships: Compile SOURCE FOLDER CLASSPATH. */
public class Compile {

    public static void main(String[] arguments) throws Exception {
        String[] entries = arguments[2].split(File.pathSeparator);
        File[] classPath = new File[entries.length];
        for (int i = 0; i < entries.length; i++) {
            classPath[i] = new File(entries[i]);
        }
        Compiler compiler = new Compiler();
        compiler.setDestinationDirectory(new File(arguments[1]), false);
        compiler.setClassPath(classPath);
        compiler.compile(new File[] { new File(arguments[0]) });
    }
}
